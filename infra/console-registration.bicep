metadata name = 'Console registration'
metadata description = 'The app registration that signs people in to the console, with its two app roles. Needs Application Administrator, so it stands apart.'

extension microsoftGraphV1

@description('Required. Name of this environment.')
param environmentName string

@description('Required. Address of the function app: `FUNCTION_APP_URL` of the main deployment.')
param functionAppUrl string

@description('Required. Object id of the identity of the app, which proves the app to Entra in place of a secret.')
param principalId string

resource registration 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: 'rollcall-${environmentName}'
  displayName: 'Rollcall ${environmentName}'
  signInAudience: 'AzureADMyOrg'
  web: {
    homePageUrl: '${functionAppUrl}/api/console'
    redirectUris: ['${functionAppUrl}/.auth/login/aad/callback']
    implicitGrantSettings: { enableIdTokenIssuance: true }
  }
  appRoles: [
    {
      id: guid('Rollcall.Reader')
      value: 'Rollcall.Reader'
      displayName: 'Reader'
      description: 'Sees runs, people and outcomes.'
      allowedMemberTypes: ['User']
      isEnabled: true
    }
    {
      id: guid('Rollcall.Operator')
      value: 'Rollcall.Operator'
      displayName: 'Operator'
      description: 'Sees runs, people and outcomes, and approves or cancels held runs.'
      allowedMemberTypes: ['User']
      isEnabled: true
    }
  ]
}

resource identityCredential 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = {
  name: '${registration.uniqueName}/function-app'
  audiences: ['api://AzureADTokenExchange']
  issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  subject: principalId
}

resource enterpriseApp 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: registration.appId
  tags: ['WindowsAzureActiveDirectoryIntegratedApp'] // the portal lists it under Enterprise applications
  appRoleAssignmentRequired: true // who has neither role is turned away before the app is asked
}

@description('Client id of the registration: the parameter `consoleClientId` of the main deployment.')
output consoleClientId string = registration.appId
